package main

import rego.v1

deny contains finding("resources", container.name) if {
	some container in containers
	some path in [["requests", "cpu"], ["requests", "memory"], ["limits", "memory"]]
	not has_resource(container, path)
}

deny contains finding("ephemeral-storage", container.name) if {
	some container in containers
	some path in [["requests", "ephemeral-storage"], ["limits", "ephemeral-storage"]]
	not has_resource(container, path)
}

has_resource(container, path) if object.get(container, array.concat(["resources"], path), null) != null
