"""Deploying: from a flow in a file to a deployment that runs elsewhere."""
