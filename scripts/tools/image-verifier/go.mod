module quotes/scripts/tools/image-verifier

go 1.26.8
