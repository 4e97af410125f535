package main

import rego.v1

deny contains finding("duplicate-env", container.name) if {
	some container in containers
	names := [variable.name | some variable in object.get(container, "env", [])]
	count(names) != count({name | some name in names})
}
