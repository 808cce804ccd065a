"""The API's language: what server and clients say to each other, each shape once."""
