package main

import (
	"context"
	"net/url"

	"gocloud.dev/blob"

	"github.com/pulumi/pulumi/pkg/v3/backend/diy/postgres"
)

// databases remembers the connection pools that commands open for a postgres:// backend. The CLI
// leaves closing them to the end of its process; this one would have the server refuse more clients
// after a few runs.
type databases struct {
	openers blob.URLMux
	open    []*postgres.Bucket
}

// watchDatabases puts itself between the CLI and the openers of its backends.
func watchDatabases() *databases {
	mux := blob.DefaultURLMux()
	d := &databases{openers: *mux}
	*mux = blob.URLMux{}
	for _, scheme := range d.openers.BucketSchemes() {
		mux.RegisterBucket(scheme, d)
	}
	return d
}

// OpenBucketURL implements blob.BucketURLOpener.
func (d *databases) OpenBucketURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	bucket, err := d.openers.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var opened *postgres.Bucket
	if bucket.As(&opened) {
		d.open = append(d.open, opened)
	}
	return bucket, nil
}

// close ends what the last command opened.
func (d *databases) close() {
	for _, each := range d.open {
		_ = each.Close() // The bucket may be closed already; the pool of connections is not.
	}
	d.open = nil
}
