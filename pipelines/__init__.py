"""Which pipelines may call: GitHub's and GitLab's own tokens (OIDC), exchanged for one of ours."""
