package kafkatest

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"kafka-import-bridge/test/child"
)

// startZooKeeper starts what a node of before KRaft keeps its cluster's state in. It
// does not wait until that answers: the node does.
func (n *Node) startZooKeeper(log *os.File) error {
	text := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n", n.file("zookeeper"), n.zookeeper)
	if err := os.WriteFile(n.file("zookeeper.properties"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write properties of ZooKeeper: %w", err)
	}
	cmd := n.java(context.Background(), "org.apache.zookeeper.server.quorum.QuorumPeerMain", n.file("zookeeper.properties"))
	cmd.Stdout, cmd.Stderr = log, log
	var err error
	n.beside, err = child.Start(cmd)
	return err
}

// roles are the properties that give a node its place in the cluster.
func roles(o Options, all []ports, n *Node) map[string]string {
	me := all[n.id-1]
	if o.old() {
		return map[string]string{
			"broker.id":                       strconv.Itoa(n.id),
			"zookeeper.connect":               me.addr(me.controller),
			"zookeeper.connection.timeout.ms": "60000",
		}
	}
	return map[string]string{
		"process.roles":             "broker,controller",
		"node.id":                   strconv.Itoa(n.id),
		"controller.quorum.voters":  voters(all),
		"controller.listener.names": "CONTROLLER",
	}
}
