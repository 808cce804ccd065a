"""The server: an HTTP API upon the journal, and the page of it. It never imports users' code, and never unpickles."""
