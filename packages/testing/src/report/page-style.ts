/** The style of a page that shows a trace. */
export const PAGE_STYLE = `
:root { --ink: #1c2330; --faint: #8993a4; --line: #dde2ea; --paper: #ffffff; --bad: #c62828; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 13px/1.45 system-ui, sans-serif; }
header { padding: 14px 18px 8px; }
h1 { margin: 0 0 4px; font-size: 18px; }
.violated { margin: 6px 0; padding: 8px 12px; border-left: 4px solid var(--bad); background: #fdecea; white-space: pre-wrap; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 6px 0; color: #4a5464; }
.legend span { display: inline-flex; align-items: center; gap: 5px; }
.legend i { width: 14px; height: 10px; border-radius: 2px; display: inline-block; }
.legend i.stroke { height: 0; border-radius: 0; border-top-style: solid; border-top-width: 2px; }
.heads { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line); }
svg { display: block; }
svg text { font: 11.5px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: var(--ink); }
.heads text { font-weight: 700; text-anchor: middle; }
.lane { stroke: var(--line); stroke-width: 1; }
.phase { opacity: 0.85; }
.term { font-size: 10px; fill: #fff; text-anchor: middle; }
.unknown { fill: #c5ccd8; background: #c5ccd8; } .follower { fill: #7d93b5; background: #7d93b5; }
.preCandidate { fill: #e0b04c; background: #e0b04c; } .candidate { fill: #d98324; background: #d98324; }
.leader { fill: #2e8b57; background: #2e8b57; } .failed { fill: var(--bad); background: var(--bad); }
.down { fill: #fff; stroke: var(--faint); stroke-dasharray: 3 3; background: #fff; outline: 1px dashed var(--faint); outline-offset: -1px; }
.time { fill: var(--faint); text-anchor: end; }
.gap { fill: var(--faint); text-anchor: middle; font-style: italic; }
.event .hit { fill: transparent; }
.event:hover .hit { fill: #ffe99a; fill-opacity: 0.55; }
.event line, .event path { fill: none; stroke-width: 1.3; }
.event:hover line, .event:hover path { stroke-width: 3; }
.append { stroke: #2f6fd0; border-color: #2f6fd0; } .vote { stroke: #d98324; border-color: #d98324; }
.beat { stroke: #aab3c0; border-color: #aab3c0; } .snapshot { stroke: #8e44ad; border-color: #8e44ad; }
.other { stroke: #3d8f8f; border-color: #3d8f8f; }
.lost, .waits { stroke-dasharray: 4 3; }
.end { stroke: var(--bad); stroke-width: 2; }
.arrow { stroke: none; }
.arrow.append { fill: #2f6fd0; } .arrow.vote { fill: #d98324; } .arrow.beat { fill: #aab3c0; }
.arrow.snapshot { fill: #8e44ad; } .arrow.other { fill: #3d8f8f; }
.fault .mark { fill: var(--bad); } .disk .mark { fill: #b7791f; } .node .mark { fill: var(--ink); } .client .mark { fill: var(--faint); }
.fault text { fill: var(--bad); } .disk text { fill: #8a5a12; } .client text { fill: #5d6778; }
.node text { font-weight: 700; } .message text { fill: #333c4a; }
.event .fault-line { stroke: var(--bad); stroke-dasharray: 6 4; }
.check .hit, .check:hover .hit { fill: #fdd; }
.check text { fill: var(--bad); font-weight: 700; }
.event .time { fill: var(--faint); font-weight: 400; }
`;
