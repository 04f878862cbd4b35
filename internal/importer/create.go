package importer

import (
	"context"
	"time"
)

// create asks for an upload URL.
func (c *Client) create(ctx context.Context, i *Import, guard func() error) Outcome {
	a := c.createAnywhere(ctx, i, guard)
	if a.class == Stored {
		return c.succeeded(i, OperationCreate, a)
	}
	return c.failed(i, OperationCreate, a)
}

// createUnder makes the create call under one name and keeps the URL that it
// brings.
func (c *Client) createUnder(ctx context.Context, i *Import, path string, guard func() error) answer {
	target, err := c.target(path, i.namespace)
	if err != nil {
		return answer{class: Refused, err: err}
	}
	var start time.Time
	r := c.call(func(key string) reply {
		start = time.Now()
		return c.request(ctx, OperationCreate, target, key, c.cfg.CreateTimeout, guard)
	})
	if r.class != Stored {
		return r.answer
	}
	g, err := parseGrant(r.text, c.cfg.AllowInsecureHTTP)
	if err != nil {
		r.unreadable(err)
		return r.answer
	}
	c.giveUpURL(i)
	i.adopt(g, start, g.lifetime(r.header, c.cfg.Now()))
	return r.answer
}
