package main

import rego.v1

deny contains finding("image-tag", container.name) if {
	some container in containers
	not tagged(container.image)
}

tagged(image) if {
	regex.match(`(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]*)$`, image)
	not endswith(image, ":latest")
}
