module quotes/scripts/tools/prometheus-operator

go 1.26.8

tool github.com/prometheus-operator/prometheus-operator/example

require github.com/prometheus-operator/prometheus-operator v0.94.1 // indirect
