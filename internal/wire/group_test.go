package wire

import (
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestGroupRequests_Append(t *testing.T) {
	for _, instance := range []string{"", "pod-0"} {
		join := kmsg.NewPtrJoinGroupRequest()
		readBack(t, &JoinGroupRequest{Group: "g", SessionTimeout: 7, RebalanceTimeout: 8, MemberID: "m", InstanceID: instance, Protocol: "even", Metadata: []byte{1}}, 5, join)
		if join.Group != "g" || join.SessionTimeoutMillis != 7 || join.RebalanceTimeoutMillis != 8 || join.MemberID != "m" || !same(join.InstanceID, instance) ||
			join.ProtocolType != "consumer" || len(join.Protocols) != 1 || join.Protocols[0].Name != "even" || string(join.Protocols[0].Metadata) != "\x01" {
			t.Errorf("join %+v", join)
		}
		sync := kmsg.NewPtrSyncGroupRequest()
		readBack(t, &SyncGroupRequest{Group: "g", Generation: 3, MemberID: "m", InstanceID: instance, Assignments: map[string][]byte{"n": {2}}}, 3, sync)
		if sync.Group != "g" || sync.Generation != 3 || sync.MemberID != "m" || !same(sync.InstanceID, instance) ||
			len(sync.GroupAssignment) != 1 || sync.GroupAssignment[0].MemberID != "n" || string(sync.GroupAssignment[0].MemberAssignment) != "\x02" {
			t.Errorf("sync %+v", sync)
		}
		beat := kmsg.NewPtrHeartbeatRequest()
		readBack(t, &HeartbeatRequest{Group: "g", Generation: 3, MemberID: "m", InstanceID: instance}, 3, beat)
		if beat.Group != "g" || beat.Generation != 3 || beat.MemberID != "m" || !same(beat.InstanceID, instance) {
			t.Errorf("heartbeat %+v", beat)
		}
		leave := kmsg.NewPtrLeaveGroupRequest()
		readBack(t, &LeaveGroupRequest{Group: "g", MemberID: "m", InstanceID: instance}, 3, leave)
		if leave.Group != "g" || len(leave.Members) != 1 || leave.Members[0].MemberID != "m" || !same(leave.Members[0].InstanceID, instance) {
			t.Errorf("leave %+v", leave)
		}
	}
	for version := int16(1); version <= 2; version++ {
		find := kmsg.NewPtrFindCoordinatorRequest()
		readBack(t, &FindCoordinatorRequest{Group: "g"}, version, find)
		if find.CoordinatorKey != "g" || find.CoordinatorType != 0 {
			t.Errorf("find coordinator %+v", find)
		}
	}
}

func TestListGroupsRequest_Append(t *testing.T) {
	list := kmsg.NewPtrListGroupsRequest()
	readBack(t, &ListGroupsRequest{Types: []string{"share"}}, 5, list)
	if len(list.StatesFilter) != 0 || len(list.TypesFilter) != 1 || list.TypesFilter[0] != "share" {
		t.Errorf("%+v", list)
	}
}

func same(p *string, s string) bool { return p == nil && s == "" || p != nil && *p == s }

// groupAnswers are answers as kmsg writes them, what they say, and how they are read.
func groupAnswers() []groupAnswer {
	text, instance := "because", "pod-0"
	find := kmsg.NewPtrFindCoordinatorResponse()
	find.ErrorCode, find.ErrorMessage, find.NodeID, find.Host, find.Port = 15, &text, 4, "host", 9092
	join := kmsg.NewPtrJoinGroupResponse()
	join.ThrottleMillis, join.ErrorCode, join.Generation, join.Protocol, join.LeaderID, join.MemberID = 9, 79, 5, &text, "l", "m"
	join.Members = []kmsg.JoinGroupResponseMember{{MemberID: "m", InstanceID: &instance, ProtocolMetadata: []byte{1, 2}}, {MemberID: "n"}}
	sync := kmsg.NewPtrSyncGroupResponse()
	sync.ErrorCode, sync.MemberAssignment = 27, []byte{3}
	beat := kmsg.NewPtrHeartbeatResponse()
	beat.ThrottleMillis, beat.ErrorCode = 9, 22
	list := kmsg.NewPtrListGroupsResponse()
	list.ErrorCode = 15
	for group, kind := range map[string]string{"g": "Consumer", "h": "Share"} {
		g := kmsg.NewListGroupsResponseGroup()
		g.Group, g.ProtocolType, g.GroupState, g.GroupType = group, "consumer", "Stable", kind
		list.Groups = append(list.Groups, g)
	}
	left := kmsg.NewPtrLeaveGroupResponse()
	left.Members = []kmsg.LeaveGroupResponseMember{{MemberID: "m", InstanceID: &instance, ErrorCode: 25}}
	denied := kmsg.NewPtrLeaveGroupResponse()
	denied.ErrorCode = 30
	return []groupAnswer{
		{find, 2, &FindCoordinatorResponse{ErrorCode: 15, NodeID: 4}},
		{join, 5, &JoinGroupResponse{ErrorCode: 79, Generation: 5, LeaderID: "l", MemberID: "m",
			Members: []JoinedMember{{MemberID: "m", InstanceID: instance, Metadata: []byte{1, 2}}, {MemberID: "n"}}}},
		{sync, 3, &SyncGroupResponse{ErrorCode: 27, Assignment: []byte{3}}},
		{beat, 3, &HeartbeatResponse{ErrorCode: 22}},
		{list, 5, &ListGroupsResponse{Types: map[string]string{"g": "Consumer", "h": "Share"}}},
		{left, 3, &LeaveGroupResponse{ErrorCode: 25}},
		{denied, 3, &LeaveGroupResponse{ErrorCode: 30}},
	}
}

type groupAnswer struct {
	sent    kmsg.Response
	version int16
	want    Response
}

func TestGroupResponses_Decode(t *testing.T) {
	for _, a := range groupAnswers() {
		a.sent.SetVersion(a.version)
		body := a.sent.AppendTo(nil)
		got := reflect.New(reflect.TypeOf(a.want).Elem()).Interface().(Response)
		if err := got.Decode(body, a.version); err != nil || !reflect.DeepEqual(got, a.want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, a.want)
		}
		for cut := range body {
			if got.Decode(body[:cut], a.version) == nil {
				t.Errorf("%T: %d of %d bytes were enough", a.want, cut, len(body))
			}
		}
	}
}

// A coordinator that is nobody, without a reason why, would be asked for again at once.
func TestFindCoordinatorResponse_ofNobody(t *testing.T) {
	find := kmsg.NewPtrFindCoordinatorResponse()
	find.NodeID = -1
	if find.SetVersion(2); new(FindCoordinatorResponse).Decode(find.AppendTo(nil), 2) == nil {
		t.Error("it is taken")
	}
	if find.ErrorCode = 15; new(FindCoordinatorResponse).Decode(find.AppendTo(nil), 2) != nil {
		t.Error("one with a reason is malformed")
	}
}

func TestSubscription_isWhatEarlierReleasesWrite(t *testing.T) {
	s := Subscription{Topics: []string{"a", "bc"}}
	want := "\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff" // as the library of earlier releases does
	if got := string(s.Append(nil)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.UserData = []byte{7}
	for _, s := range []Subscription{{}, {Topics: []string{"a"}}, s} {
		var got Subscription
		if err := got.Decode(s.Append(nil)); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("got %+v, %v, want %+v", got, err, s)
		}
	}
}

// Other clients add what they own, in the same version.
func TestSubscription_ofOtherClientsIsMalformed(t *testing.T) {
	for version := int16(0); version <= 3; version++ {
		k := kmsg.NewConsumerMemberMetadata()
		k.Version, k.Topics = version, []string{"a"}
		if new(Subscription).Decode(k.AppendTo(nil)) == nil {
			t.Errorf("version %d of another client is taken for a bridge's", version)
		}
	}
}

// Others read an assignment as Kafka's own, and the bridge reads theirs.
func TestAssignment_isKafkas(t *testing.T) {
	a := Assignment{Partitions: map[string][]int32{"a": {0, 2}, "b": {1}}, UserData: []byte{7}}
	var k kmsg.ConsumerMemberAssignment
	if err := k.ReadFrom(a.Append(nil)); err != nil || len(k.Topics) != 2 || k.Topics[0].Partitions[1] != 2 || string(k.UserData) != "\x07" {
		t.Errorf("%+v, %v", k, err)
	}
	var got Assignment
	if err := got.Decode(k.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := got.Decode(nil); err != nil || len(got.Partitions) != 0 {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func FuzzGroupResponses(f *testing.F) {
	for i, a := range groupAnswers() {
		a.sent.SetVersion(a.version)
		f.Add(a.sent.AppendTo(nil), int16(i))
	}
	s := Subscription{Topics: []string{"a"}, UserData: []byte{1}}
	f.Add(s.Append(nil), int16(7))
	a := Assignment{Partitions: map[string][]int32{"a": {0, 2}}}
	f.Add(a.Append(nil), int16(8))
	f.Add([]byte{0, 1, 0x7f, 0xff, 0xff, 0xff}, int16(8))
	decoders := []Response{new(FindCoordinatorResponse), new(JoinGroupResponse), new(SyncGroupResponse), new(HeartbeatResponse), new(ListGroupsResponse), new(LeaveGroupResponse), new(LeaveGroupResponse)}
	fuzzDecode(f, func(body []byte, which int16) error {
		switch i := int(uint16(which)) % (len(decoders) + 2); i {
		default:
			return decoders[i].Decode(body, 0)
		case len(decoders):
			return new(Subscription).Decode(body)
		case len(decoders) + 1:
			return new(Assignment).Decode(body)
		}
	})
}
