package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"kafka-import-bridge/test/child"
)

// Node is one broker process. Its data survives Kill and Restart.
type Node struct {
	Addr   string // plaintext, host:port
	Secure string // SASL_SSL; empty without Options.Users
	Mutual string // SSL with a client certificate; empty without Options.Users
	Named  string // SSL, with a certificate for ServerName alone; empty without Options.Users
	Behind string // plaintext, which advertises the node's front; empty without Options.Fronts

	id   int
	dir  string // server.properties, broker.log and data
	libs string
	keys string // file of the keys that OAUTHBEARER trusts, or empty
	proc *child.Process

	zookeeper int            // its port, or 0 where there is none
	beside    *child.Process // the ZooKeeper
}

// format prepares the node's storage. All nodes of a cluster share its id.
func (n *Node) format(ctx context.Context, cluster string, users map[string]string) error {
	args := []string{"kafka.tools.StorageTool", "format", "-t", cluster, "-c", n.file("server.properties")}
	for _, user := range slices.Sorted(maps.Keys(users)) {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, users[user]))
		}
	}
	if out, err := n.java(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("format storage of node %d: %w: %s", n.id, err, out)
	}
	return nil
}

func (n *Node) file(name string) string { return filepath.Join(n.dir, name) }

// java runs a class of the broker with a heap that leaves room for others. The
// first compiler alone is used: the broker starts sooner and takes less of the
// few cores that the tests have.
func (n *Node) java(ctx context.Context, args ...string) *exec.Cmd {
	jvm := []string{
		"-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(n.libs, "*"),
	}
	if n.keys != "" {
		jvm = append(jvm, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://"+n.keys)
	}
	cmd := exec.CommandContext(ctx, "java", append(jvm, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // what arguments are read in
	return cmd
}

// start starts the process; it does not wait until it answers.
func (n *Node) start() error {
	log, err := os.OpenFile(n.file("broker.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log of node %d: %w", n.id, err)
	}
	defer log.Close() // the children have copies
	if n.zookeeper != 0 {
		if err := n.startZooKeeper(log); err != nil {
			return err
		}
	}
	cmd := n.java(context.Background(), "kafka.Kafka", n.file("server.properties"))
	cmd.Stdout, cmd.Stderr = log, log
	n.proc, err = child.Start(cmd)
	return err
}

// stop ends all processes of the node.
func (n *Node) stop() {
	for _, p := range []*child.Process{n.proc, n.beside} {
		if p != nil {
			p.Kill()
		}
	}
}

// Kill ends the node as kill -9 does.
func (n *Node) Kill() { n.proc.Kill() }

// Freeze stops the process without ending it: its connections stay open and
// answer nothing until Thaw.
func (n *Node) Freeze() { n.proc.Freeze() }

// Thaw lets a frozen node go on.
func (n *Node) Thaw() { n.proc.Thaw() }

// DataDir is the folder of the node's partitions, for tests that damage them.
func (n *Node) DataDir() string { return n.file("data") }

// logTail is the end of what the node wrote, for error messages.
func (n *Node) logTail() string {
	b, err := os.ReadFile(n.file("broker.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
