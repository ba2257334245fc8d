"""People who ask in a chat, and what they are answered: Slack and Mattermost."""
