"""The jobs process: decides, sends, and does what time calls for. The tables are the truth; nothing lives only here."""
