"""One file a job that time calls for; found by jobs.schedule."""
