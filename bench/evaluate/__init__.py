"""The evaluation: real public sets and the generator, beside plain boosting and the published figures."""
