"""The dashboard's parts: what pages put together. Pages read through `queries` and act through `commands`."""
