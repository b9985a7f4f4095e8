// The algorithm alone: three members in one process, a network that is a list, a disk that is memory.
import { MemoryLogStorage, type Message, RawNode } from "raft-ts-lite";
import { nodeRandom } from "@holdfast/platform";

const voters = [1, 2, 3];
const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const members = voters.map((id) => {
  const storage = new MemoryLogStorage();
  storage.applySnapshot({ metadata: { index: 1, term: 1, confState }, data: new Uint8Array(0) });
  const config = { id, storage, applied: 1, electionTicks: 10, heartbeatTicks: 1 };
  return { id, storage, raft: new RawNode({ ...config, random: nodeRandom() }) };
});
const network: Message[] = [];

/** Does what the cores ask for, until none of them asks for anything. */
function settle(): void {
  for (const { id, storage, raft } of members) {
    while (raft.hasReady()) {
      const { entries, hardState, messages, committedEntries } = raft.ready();
      // Written, and synced on a real disk, before any message leaves.
      storage.append(entries);
      if (hardState !== undefined) storage.setHardState(hardState);
      network.push(...messages);
      for (const { index, data } of committedEntries) {
        if (data.length > 0)
          console.log(`${id} applies ${index}: ${new TextDecoder().decode(data)}`);
      }
      raft.advance();
    }
  }
  for (const message of network.splice(0)) members[message.to - 1]?.raft.step(message);
  if (members.some(({ raft }) => raft.hasReady())) settle();
}

const [first] = members;
first?.raft.campaign();
settle();
first?.raft.propose(new TextEncoder().encode("hello"));
settle();
