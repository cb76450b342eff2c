"""The web process: the dashboard, the API, Socket.IO and the supervisor of the jobs process."""
