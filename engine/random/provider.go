// Package random bridges the upstream Terraform random provider to Pulumi.
package random

import (
	_ "embed"
	"strings"
	"unicode"

	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

// Name is the package name in resource tokens and plugin file names.
const Name = "random"

// Version is the release of the Python SDK (pulumi-random) whose resources this provider serves:
// the engine compares it with the version that the SDK asks for.
const Version = "4.21.4"

// Schema is the package schema that tfgen wrote.
//
//go:embed schema.json
var Schema []byte

//go:embed bridge-metadata.json
var metadata []byte

// Info maps every upstream resource to the token that the published SDKs use, such as
// random_id to random:index/randomId:RandomId.
func Info() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            pfbridge.ShimProvider(shim.NewProvider()),
		Name:         Name,
		Version:      Version,
		Description:  "A Pulumi package to safely use randomness in Pulumi programs.",
		License:      "Apache-2.0",
		GitHubOrg:    "terraform-providers",
		MetadataInfo: tfbridge.NewProviderMetadata(metadata),
	}
	info.MustComputeTokens(tokens.SingleModule("random_", "index", token))
	info.SetAutonaming(255, "-")
	return info
}

// token gives random:index/randomId:RandomId for module "index" and name "Id".
func token(module, name string) (string, error) {
	typeName := "Random" + name
	fileName := string(unicode.ToLower(rune(typeName[0]))) + typeName[1:]
	return strings.Join([]string{Name, module + "/" + fileName, typeName}, ":"), nil
}
