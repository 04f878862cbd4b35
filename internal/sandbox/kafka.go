package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// KafkaOptions shape a cluster. The zero value is one broker on a free port.
type KafkaOptions struct {
	// Brokers is their number; Ports overrides it.
	//
	// Default: 1
	Brokers int
	// Ports to listen on, one for each broker. Empty takes free ones.
	Ports []int
	// Topics to create, with their numbers of partitions.
	Topics map[string]int32
	// MinSessionTimeout is the shortest session that a group member may ask for.
	//
	// Default: 100ms
	MinSessionTimeout time.Duration
	// Network makes the cluster listen there instead of on loopback: for
	// testing/synctest.
	Network *Network
	// Versions is the release whose protocol the brokers speak; nil is the newest.
	Versions *kversion.Versions
}

// Kafka is a cluster inside this process. What it holds is lost with Close.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
}

// StartKafka starts a cluster. Close ends it.
func StartKafka(opts KafkaOptions) (*Kafka, error) {
	if opts.MinSessionTimeout == 0 {
		opts.MinSessionTimeout = 100 * time.Millisecond
	}
	settings := []kfake.Opt{
		kfake.NumBrokers(max(opts.Brokers, 1)),
		kfake.GroupMinSessionTimeout(opts.MinSessionTimeout),
		kfake.ClusterID("sandbox"),
	}
	if len(opts.Ports) > 0 {
		settings = append(settings, kfake.Ports(opts.Ports...))
	}
	if opts.Versions != nil {
		settings = append(settings, kfake.MaxVersions(opts.Versions))
	}
	if opts.Network != nil {
		settings = append(settings, kfake.ListenFn(opts.Network.listenBroker))
	}
	for topic, partitions := range opts.Topics {
		settings = append(settings, kfake.SeedTopics(partitions, topic))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	return &Kafka{cluster: cluster, addr: strings.Join(cluster.ListenAddrs(), ",")}, nil
}

// Addr is the bootstrap list: host:port of each broker, comma-separated.
func (k *Kafka) Addr() string { return k.addr }

// Cluster is what runs below, for control functions, leader moves and retention.
func (k *Kafka) Cluster() *kfake.Cluster { return k.cluster }

// Close ends the cluster and its connections.
func (k *Kafka) Close() { k.cluster.Close() }

// Network is an in-memory network for testing/synctest, whose goroutines count
// as blocked while they wait for each other. Its one host is 127.0.0.1, also
// called localhost. The zero value is ready; do not copy it after use.
type Network struct {
	virtual kfake.VirtualNetwork
	free    freePort
}

// DialContext connects to a listener of this network.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.virtual.DialContext(ctx, network, address)
}

// Listen opens a port. Port 0 takes a free one.
func (n *Network) Listen(network, address string) (net.Listener, error) {
	return n.virtual.Listen(network, n.free.resolve(address))
}

// listenBroker is Listen for kfake, which asks for port 0 too.
func (n *Network) listenBroker(network, address string) (net.Listener, error) {
	return n.Listen(network, address)
}

// Serve answers HTTP at an address such as 127.0.0.1:80 and returns its base
// URL. Stop ends the listener, its connections and the contexts of its requests,
// and waits for the listener.
func (n *Network) Serve(address string, handler http.Handler) (base string, stop func(), err error) {
	listener, err := n.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		_ = server.Serve(listener) // always ErrServerClosed
	}()
	stop = func() {
		cancel()
		_ = server.Close()
		<-done
	}
	return "http://" + listener.Addr().String(), stop, nil
}
