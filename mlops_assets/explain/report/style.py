"""The report's style sheet: one column on a phone, several on a desk, and plain on paper."""

STYLE = """
:root{color-scheme:light;--ink:#1c2126;--soft:#5b6570;--line:#dde2e7;--pos:#d6302f;--neg:#2166ac}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
main{max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0 1rem}
h1 small{display:block;font-size:1rem;font-weight:400;color:var(--soft)}
h2{font-size:1.25rem;border-top:1px solid var(--line);padding-top:1rem;margin:2rem 0 .75rem}
h3{font-size:1.05rem;margin:1.5rem 0 .5rem}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.25rem 1rem;margin:0}
dt{color:var(--soft)}
dd{margin:0}
figure{margin:0;max-width:40rem}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg .end{text-anchor:end}
svg .axis{stroke:#9aa3ad;stroke-width:1;fill:none}
svg .dots{stroke-width:3.2;stroke-linecap:round;stroke-opacity:.75;fill:none}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);padding:0 0 .4rem}
th,td{padding:.2rem .5rem;text-align:left;vertical-align:middle;border-bottom:1px solid var(--line)}
th{font-weight:500}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.v{color:var(--soft)}
.wide{overflow-x:auto}
.wide th,.wide td{overflow-wrap:normal;min-width:4rem}
.bars{table-layout:fixed}
.bars th{width:42%}
.bars .n{width:6rem}
.bar i{display:block;height:.8rem;border-radius:2px;min-width:1px;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
.bar .pos{background:var(--pos)}
.bar .neg{background:var(--neg)}
.bar .mark{width:3px;background:var(--ink)}
.bars:not(.fall) .pos{background:var(--neg)}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1.25rem}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .5rem}.bars .n{width:5.4rem}
th,td{padding:.2rem .3rem}}
@media print{body{font-size:10pt}main{max-width:none;padding:0}h2{break-after:avoid}
figure,tr,.fall{break-inside:avoid}.wide{overflow:visible}.grid{grid-template-columns:1fr 1fr}
svg *{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
""".strip()
