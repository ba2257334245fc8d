"""The web pages of the platform: what people look at and click."""
