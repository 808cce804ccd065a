"""Services: what a server does by itself, now and then: retention, late runs, runs whose process has died."""
