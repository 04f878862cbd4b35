// Package kube installs the chart on a real Kubernetes API server: etcd,
// kube-apiserver and kube-controller-manager as child processes on loopback
// ports, and helm. There is no scheduler and no kubelet; a stand-in gives the pods
// to the only node and marks them as running, so that roll-outs go on, and a pod's
// environment and files are handed to the bridge's own binary instead.
//
// The programs are built once per machine from the module in the folder
// kubernetes (make kube: minutes) and kept in the user's cache. Without them, or
// without etcd or helm, the tests are skipped and say so; where CI=true they
// fail.
package kube
