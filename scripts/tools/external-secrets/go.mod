// For its CustomResourceDefinitions alone: nothing of it is built.
module quotes/scripts/tools/external-secrets

go 1.26.8

require github.com/external-secrets/external-secrets v0.16.2 // indirect
