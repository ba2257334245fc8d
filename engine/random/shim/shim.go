// Package shim hands out the upstream provider, whose own package is internal to its module path.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	upstream "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// NewProvider returns the unmodified upstream random provider.
func NewProvider() provider.Provider {
	return upstream.New()
}
