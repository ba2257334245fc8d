// Command pulumi-resource-random serves the bridged random provider to the Pulumi engine.
package main

import (
	"context"

	"engine/random"

	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

func main() {
	metadata := pfbridge.ProviderMetadata{PackageSchema: random.Schema}
	pfbridge.Main(context.Background(), random.Name, random.Info(), metadata)
}
