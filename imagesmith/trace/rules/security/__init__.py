"""Rules about security: certificates, cryptography, logins."""
