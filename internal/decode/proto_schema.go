package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoFile is a compiled .proto file. Its messages are made ready to be read by
// when it is compiled, those of Any when they are met. It is immutable.
type protoFile struct {
	file     protoreflect.FileDescriptor
	messages map[protoreflect.FullName]*protoMessage // of the file and all that it imports
}

// protoMessage is a message type, ready to be read by.
type protoMessage struct {
	special  protoSpecial
	fields   []protoField
	byNumber map[protoreflect.FieldNumber]int // index in fields
	dense    []int16                          // the same for low numbers: index + 1, 0 is none
}

// protoField is a field of a message.
type protoField struct {
	key      string // `"name":`
	number   protoreflect.FieldNumber
	kind     protoreflect.Kind
	list     bool
	presence bool // it is there even if it holds the default
	oneof    int  // the oneof that it is part of, -1 if none
	message  *protoMessage
	enum     map[int32]string // JSON strings
	null     bool             // the enum google.protobuf.NullValue
	entry    *protoMessage    // of a map: key and value
}

// denseNumbers is how many field numbers are looked up without a map.
const denseNumbers = 256

// parseProto compiles a .proto file. references are the texts of what it imports,
// by path; those of protoc and of Confluent's serializers are known.
func parseProto(ctx context.Context, references map[string]string, text string) (*protoFile, error) {
	sources := map[string]string{}
	for path, known := range knownImports {
		sources[path] = known
	}
	for path, reference := range references {
		sources[path] = reference
	}
	name := "schema.proto"
	for i := 0; sources[name] != ""; i++ {
		name = "schema" + strconv.Itoa(i) + ".proto"
	}
	sources[name] = text
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(ctx, name)
	if err != nil {
		return nil, err
	}
	c := protoCompiler{made: map[protoreflect.FullName]*protoMessage{}, extensions: map[protoreflect.FullName][]protoreflect.FieldDescriptor{}}
	seen := map[string]bool{}
	c.collect(files[0], seen)
	c.compile(files[0], map[string]bool{})
	return &protoFile{file: files[0], messages: c.made}, nil
}

// message returns the message type that the indexes of a record lead to: a place
// among the file's messages, then one among those nested in it, and so on. The
// types that the compiler makes of maps do not count, as for Confluent's Java
// serializer, which defined the format.
func (f *protoFile) message(indexes []int) (m *protoMessage, name string, err error) {
	var at protoreflect.MessageDescriptor
	level := f.file.Messages()
	for _, index := range indexes {
		if at = nthMessage(level, index); at == nil {
			return nil, "", errors.New("it has no message of the index that the record names")
		}
		level = at.Messages()
	}
	if at == nil {
		return nil, "", errors.New("the record names no message of it")
	}
	return f.messages[at.FullName()], string(at.FullName()), nil
}

func nthMessage(messages protoreflect.MessageDescriptors, n int) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		if n == 0 {
			return m
		}
		n--
	}
	return nil
}

// protoCompiler makes messages of descriptors.
type protoCompiler struct {
	made       map[protoreflect.FullName]*protoMessage
	extensions map[protoreflect.FullName][]protoreflect.FieldDescriptor // by what they extend
}

// container is a file or a message, which may declare messages and extensions.
type container interface {
	Messages() protoreflect.MessageDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

// collect finds the extensions of a file and all that it imports.
func (c *protoCompiler) collect(file protoreflect.FileDescriptor, seen map[string]bool) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	c.collectFrom(file)
	imports := file.Imports()
	for i := range imports.Len() {
		c.collect(imports.Get(i).FileDescriptor, seen)
	}
}

func (c *protoCompiler) collectFrom(in container) {
	extensions := in.Extensions()
	for i := range extensions.Len() {
		x := extensions.Get(i)
		extended := x.ContainingMessage().FullName()
		c.extensions[extended] = append(c.extensions[extended], x)
	}
	for i := range in.Messages().Len() {
		c.collectFrom(in.Messages().Get(i))
	}
}

// compile makes the messages of a file and all that it imports.
func (c *protoCompiler) compile(file protoreflect.FileDescriptor, seen map[string]bool) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	c.compileFrom(file)
	imports := file.Imports()
	for i := range imports.Len() {
		c.compile(imports.Get(i).FileDescriptor, seen)
	}
}

func (c *protoCompiler) compileFrom(in container) {
	for i := range in.Messages().Len() {
		m := in.Messages().Get(i)
		c.message(m)
		c.compileFrom(m)
	}
}

func (c *protoCompiler) message(d protoreflect.MessageDescriptor) *protoMessage {
	if m, ok := c.made[d.FullName()]; ok {
		return m
	}
	m := &protoMessage{special: protoSpecials[d.FullName()], byNumber: map[protoreflect.FieldNumber]int{}}
	c.made[d.FullName()] = m
	fields := d.Fields()
	for i := range fields.Len() {
		c.field(m, fields.Get(i))
	}
	for _, x := range c.extensions[d.FullName()] {
		c.field(m, x)
	}
	return m
}

func (c *protoCompiler) field(m *protoMessage, d protoreflect.FieldDescriptor) {
	name := d.JSONName()
	if d.IsExtension() {
		name = fmt.Sprintf("[%s]", d.FullName())
	}
	f := protoField{
		key: quoted(name) + ":", number: d.Number(), kind: d.Kind(), list: d.IsList(), presence: d.HasPresence(), oneof: -1,
	}
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		f.oneof = o.Index()
	}
	switch {
	case d.IsMap():
		f.list, f.entry = false, c.message(d.Message())
	case d.Message() != nil:
		f.message = c.message(d.Message())
	case d.Enum() != nil:
		f.null = d.Enum().FullName() == "google.protobuf.NullValue"
		f.enum = map[int32]string{}
		values := d.Enum().Values()
		for i := values.Len() - 1; i >= 0; i-- { // of aliases the first one counts
			f.enum[int32(values.Get(i).Number())] = quoted(string(values.Get(i).Name()))
		}
	}
	if f.number < denseNumbers && len(m.fields) < math.MaxInt16 {
		for len(m.dense) <= int(f.number) {
			m.dense = append(m.dense, 0)
		}
		m.dense[f.number] = int16(len(m.fields) + 1)
	} else {
		m.byNumber[f.number] = len(m.fields)
	}
	m.fields = append(m.fields, f)
}

// find returns the index of the field of a number, -1 if there is none.
func (m *protoMessage) find(number protoreflect.FieldNumber) int {
	if int(number) < len(m.dense) && m.dense[number] > 0 {
		return int(m.dense[number]) - 1
	}
	if i, ok := m.byNumber[number]; ok {
		return i
	}
	return -1
}
