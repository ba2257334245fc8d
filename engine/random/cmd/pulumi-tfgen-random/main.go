// Command pulumi-tfgen-random writes schema.json and bridge-metadata.json from the upstream provider.
package main

import (
	"engine/random"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
)

//go:generate go run . schema --out ../.. --skip-docs --skip-examples
func main() {
	tfgen.Main(random.Name, random.Info())
}
