"""Push: the change feed's tailer, Socket.IO and the dashboard's own socket."""
