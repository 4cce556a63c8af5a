module bodega/tests/openfaas

go 1.24

require (
	github.com/openfaas/faas-provider v0.25.10
	github.com/openfaas/go-sdk v0.2.22
)

require (
	github.com/drone/envsubst v1.0.3 // indirect
	github.com/ryanuber/go-glob v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
