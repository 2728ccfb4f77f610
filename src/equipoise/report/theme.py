"""Colours, type and the little script of a report, light and dark.

Text has a contrast of at least 4.5 with what it stands on and areas 3 (WCAG 2.2, AA: 1.4.3 and 1.4.11); colours of
teams can be told apart with each of the three kinds of colour-blindness. A test computes both.
"""

from __future__ import annotations

TEAM_COLOURS = 7  # of the palette; teams beyond share one grey

LIGHT = {
    "paper": "#fbfaf6",
    "card": "#ffffff",
    "ink": "#1b1d22",
    "soft": "#565b64",
    "line": "#d9d6cc",
    "faint": "#eeece4",
    "accent": "#0b6157",
    "denied": "#b82f14",
    "held": "#42607c",
    "blocked": "#b77f36",
    "unused": "#d5d2c7",
    "down": "#5a5e66",
    "t0": "#243487",
    "t1": "#b77f36",
    "t2": "#026155",
    "t3": "#0388c4",
    "t4": "#7a4698",
    "t5": "#5a775f",
    "t6": "#592653",
    "other": "#85888c",
}
DARK = {
    "paper": "#15171b",
    "card": "#1b1e23",
    "ink": "#eceae4",
    "soft": "#a6aab1",
    "line": "#363a41",
    "faint": "#24272d",
    "accent": "#58c2b2",
    "denied": "#f27455",
    "held": "#7f9dbb",
    "blocked": "#cdb486",
    "unused": "#41454c",
    "down": "#8b8f97",
    "t0": "#497eb7",
    "t1": "#cdb486",
    "t2": "#547643",
    "t3": "#74c1f1",
    "t4": "#a78dd3",
    "t5": "#8bb0b3",
    "t6": "#845a7c",
    "other": "#7d8086",
}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def style() -> str:
    """Return the style sheet; everything is scoped to ``.eq``, so that a notebook can hold it."""
    light, dark = _variables(LIGHT), _variables(DARK)
    teams = "".join(f".eq .t{n}{{--c:var(--t{n})}}" for n in range(TEAM_COLOURS)) + ".eq .other{--c:var(--other)}"
    return (
        f".eq{{{light}color-scheme:light}}"
        f"@media screen and (prefers-color-scheme:dark)"
        f"{{:where(:root:not([data-theme=light])) .eq{{{dark}color-scheme:dark}}}}"
        # What the reader chose, and what a notebook says of its own theme.
        f"@media screen{{:root[data-theme=dark] .eq,[data-jp-theme-light=false] .eq,.vscode-dark .eq"
        f"{{{dark}color-scheme:dark}}"
        f"[data-jp-theme-light=true] .eq,.vscode-light .eq{{{light}color-scheme:light}}}}"
        f"{teams}{_SHEET}"
    )


def tokens_sheet() -> str:
    """Return the colours alone, for a whole page: light, dark where the system or the reader says so (``data-theme``)."""
    light, dark = _variables(LIGHT), _variables(DARK)
    teams = "".join(f".t{n}{{--c:var(--t{n})}}" for n in range(TEAM_COLOURS)) + ".other{--c:var(--other)}"
    return (
        f":root{{{light}color-scheme:light}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}}}\n{teams}\n"
    )


def script() -> str:
    """Return the script: the switch of themes, and what the chart shows under the pointer. Nothing needs it."""
    return _SCRIPT


_SHEET = """
.eq{font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
color:var(--ink);background:var(--paper);font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
.eq *,.eq *::before{box-sizing:border-box}
.eq.page{margin:0;min-height:100vh}
.eq.note{padding:14px 16px;border-radius:8px;max-width:980px}
.eq main,.eq header.top,.eq footer{max-width:1080px;margin:0 auto;padding:0 32px}
.eq header.top{display:flex;gap:16px;align-items:baseline;justify-content:space-between;padding-top:28px;
color:var(--soft);font-size:.875rem}
.eq .mark{font-weight:650;color:var(--ink);letter-spacing:.01em}
.eq h1{font:500 2.05rem/1.28 ui-serif,"Iowan Old Style","Palatino Linotype",Palatino,Charter,Georgia,serif;
margin:44px 0 18px;max-width:25em;letter-spacing:-.008em;text-wrap:pretty}
.eq h1 b{font-weight:600;color:var(--accent);white-space:nowrap}
.eq h1 b.bad{color:var(--denied)}
.eq h2{font:600 1.32rem/1.3 ui-serif,"Iowan Old Style","Palatino Linotype",Palatino,Charter,Georgia,serif;margin:0 0 6px}
.eq h3{font-size:.95rem;font-weight:650;margin:0;line-height:1.35}
.eq p{margin:.45em 0;max-width:44em;text-wrap:pretty}
.eq .soft,.eq .lead,.eq figcaption{color:var(--soft)}
.eq .lead{font-size:.97rem;margin:0 0 18px}
.eq section{margin:64px 0 0;padding-top:22px;border-top:1px solid var(--line)}
.eq section.first{border:0;margin-top:30px;padding:0}
.eq a{color:var(--accent)}
.eq button{font:inherit;color:var(--soft);background:none;border:1px solid var(--line);border-radius:999px;
padding:3px 13px;cursor:pointer}
.eq button:hover{color:var(--ink);border-color:var(--soft)}
.eq button[hidden]{display:none}
.eq :focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.eq nav{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.875rem;margin:26px 0 0}
.eq nav a{color:var(--soft);text-decoration:none;border-bottom:1px solid var(--line)}
.eq nav a:hover{color:var(--ink)}
.eq .alert{border-left:3px solid var(--denied);padding:2px 0 2px 12px}
.eq .facts{font-size:.92rem;color:var(--soft);max-width:none}
.eq .tiles{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:1px;background:var(--line);
border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0}
.eq .tile{background:var(--card);padding:16px 18px 15px}
.eq .tile dt{font-size:.83rem;color:var(--soft);margin:0 0 6px}
.eq .tile dd{margin:0;display:flex;justify-content:space-between;gap:10px;align-items:baseline;font-size:.83rem;
color:var(--soft)}
.eq .tile dd b{font-size:1.32rem;font-weight:600;color:var(--ink);white-space:nowrap;letter-spacing:-.01em}
.eq .tile dd.alone{display:block}
.eq .tile dd.alone b{font-size:1.6rem}
.eq .tile dd span{text-align:right}
.eq .tiles{margin-top:22px}
.eq figure{margin:0 0 26px}
.eq figcaption{font-size:.875rem;margin:0 0 22px;display:flex;flex-wrap:wrap;gap:2px 14px}
.eq figcaption b{color:var(--ink);font-weight:650}
.eq figure>.rows{margin-top:-14px}
.eq .plot{display:grid;grid-template-columns:46px minmax(0,1fr);font-size:.75rem;color:var(--soft);line-height:1.2}
.eq .plot.floors{grid-template-columns:46px minmax(0,1fr) 178px}
.eq .y,.eq .canvas,.eq .beside{position:relative}
.eq .y span{position:absolute;right:8px;transform:translateY(50%);white-space:nowrap}
.eq .canvas{height:var(--h);border-bottom:1px solid var(--soft)}
.eq .canvas svg,.eq .beside svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible;display:block}
.eq .x{position:relative;height:22px;grid-column:2}
.eq .x span{position:absolute;top:6px;transform:translateX(-50%);white-space:nowrap}
.eq .x span.edge{transform:translateX(-100%)}
.eq .beside{height:var(--h);margin-left:3px}
.eq .beside svg{width:14px}
.eq .beside span{position:absolute;left:22px;right:0;transform:translateY(50%);overflow:hidden;text-overflow:ellipsis;
white-space:nowrap;font-size:.8rem;color:var(--soft);line-height:1.25}
.eq td:first-child{white-space:normal;overflow-wrap:break-word;max-width:30em}
.eq .beside span b{color:var(--ink);font-weight:600}
.eq .beside span i{font-style:normal}
.eq .beside span.none{font-style:italic}
.eq .mark-x{position:absolute;top:0;bottom:0;border-left:1px dashed var(--soft);pointer-events:none}
.eq .mark-x i{position:absolute;top:-19px;right:0;transform:translateX(50%);white-space:nowrap;font-style:normal;
font-size:.73rem}
.eq .mark-x.left i{transform:none}
.eq svg *{vector-effect:non-scaling-stroke}
.eq .band{fill:var(--c);stroke:var(--paper);stroke-width:.6}
.eq .block{fill:var(--c);stroke:var(--paper);stroke-width:1}
.eq .gridline{stroke:var(--faint);stroke-width:1;fill:none}
.eq .case{stroke:var(--paper);stroke-width:3;fill:none;opacity:.75}
.eq .floor{stroke:var(--ink);stroke-width:1.25;stroke-dasharray:5 4;fill:none}
.eq .cap{stroke:var(--ink);stroke-width:1.25;fill:none}
.eq .entitled{stroke:var(--ink);stroke-width:1;fill:none;stroke-linejoin:round}
.eq .denied{fill:var(--denied)}
.eq .pacing{stroke:var(--c,var(--ink));stroke-width:2;fill:none;stroke-linejoin:round}
.eq .noreturn{stroke:var(--denied);stroke-width:2;fill:none}
.eq .mini.pace{height:120px}
.eq .light{font-weight:600}.eq .light.good{color:var(--accent)}.eq .light.bad{color:var(--denied)}
.eq .idle{fill:var(--faint)}
.eq .held{fill:var(--held)}.eq .unused{fill:var(--unused)}.eq .blocked{fill:var(--blocked)}
.eq .transition{fill:var(--t5)}.eq .down{fill:var(--down)}
.eq .maintenance{fill:var(--t4)}
.eq .fan{fill:var(--c);opacity:.3;stroke:none}.eq .fan.far{opacity:.17}
.eq .middle{stroke:var(--c);stroke-width:2;fill:none;stroke-linejoin:round}
.eq .key.farkey,.eq .key.nearkey{background:var(--ink);opacity:.3}.eq .key.farkey{opacity:.17}
.eq .badge{font-size:.73rem;color:var(--soft);border:1px solid var(--line);border-radius:9px;padding:1px 7px;white-space:nowrap}
.eq .badge.assumed{color:var(--denied);border-color:currentColor}
.eq th.text{text-align:left}
.eq td.text{text-align:left;white-space:normal;min-width:16em}
.eq .told{font-size:1.02rem;max-width:50em;margin:0 0 8px}.eq .told+.keys{margin-top:22px}
.eq section>h3{margin-top:34px}
.eq .drivers .rows{grid-template-columns:96px minmax(0,1fr) auto}
.eq .hair{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.eq .spot{position:absolute;transform:translate(-50%,50%);min-width:19px;height:19px;padding:0 4px;border-radius:10px;
background:var(--accent);color:var(--paper);font-size:.7rem;font-weight:650;line-height:19px;text-align:center}
.eq .spot.now{background:var(--paper);border:3px solid var(--denied);min-width:21px;height:21px;padding:0}
.eq .tie{stroke:var(--accent);stroke-width:1.25;fill:none;opacity:.6}.eq .tie.now{stroke:var(--denied)}
.eq .point{margin:26px 0 0}
.eq .key.spotkey{background:var(--accent);width:14px;height:14px;border-radius:7px;vertical-align:-2px}
.eq .key.nowkey{border:3px solid var(--denied);width:14px;height:14px;border-radius:7px;vertical-align:-2px}
.eq .key{display:inline-block;width:18px;height:10px;vertical-align:-1px;margin-right:6px;border-radius:2px;
background:var(--c,none)}
.eq .key.line{height:0;border-top:1.5px solid var(--ink);border-radius:0;vertical-align:4px;background:none}
.eq .key.dash{height:0;border-top:1.5px dashed var(--ink);border-radius:0;vertical-align:4px;background:none}
.eq .key.denied{background:var(--denied)}.eq .key.heldkey{background:var(--held)}
.eq .key.unusedkey{background:var(--unused)}.eq .key.blockedkey{background:var(--blocked)}
.eq .key.transitionkey{background:var(--t5)}
.eq .key.downkey{background:var(--down)}.eq .key.maintkey{background:var(--t4)}
.eq .keys{display:flex;flex-wrap:wrap;gap:4px 22px;font-size:.85rem;color:var(--soft);margin:0 0 16px;max-width:none}
.eq .readout{min-height:1.5em;font-size:.8rem;color:var(--soft);margin:2px 0 0 46px;white-space:pre-wrap}
.eq .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:26px 34px}
.eq .card{min-width:0}
.eq .card.top{border-top:2px solid var(--c);padding-top:8px}
.eq .card.leaf{border-top:1px solid var(--line);padding-top:9px}
.eq .card h3{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.eq .card .sub{font-size:.8rem;color:var(--soft);margin:0 0 4px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.eq .mini{position:relative;height:74px;margin-top:19px;border-bottom:1px solid var(--soft)}
.eq .mini .band{stroke:none}
.eq .mini svg{position:absolute;inset:0;width:100%;height:100%;display:block;overflow:visible}
.eq .mini .name{position:absolute;left:0;top:-17px;font-size:.73rem;color:var(--soft)}
.eq .mini .value{position:absolute;right:0;top:-17px;font-size:.73rem;color:var(--soft)}
.eq .mini .value b{color:var(--denied);font-weight:600}
.eq .minix{display:flex;justify-content:space-between;font-size:.7rem;color:var(--soft);margin-top:3px}
.eq .rows{display:grid;grid-template-columns:minmax(120px,222px) minmax(0,1fr) auto;gap:0 16px;font-size:.86rem;
align-items:center}
.eq .rows>*{min-width:0}
.eq .rows .who{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;padding:5px 0}
.eq .rows .who.deep{padding-left:14px;color:var(--soft)}
.eq .rows .strips{padding:5px 0;align-self:stretch;display:grid;align-content:center;gap:2px}
.eq .rows .strips{position:relative}
.eq .rows .grid,.eq .rows .grid svg{position:absolute;inset:0;width:100%;height:100%}
.eq .rows .strip{height:15px;position:relative;padding:1px 0}
.eq .rows .strip svg{position:absolute;inset:0;width:100%;height:100%;display:block;overflow:visible}
.eq .rows .nums{display:grid;gap:2px;font-size:.79rem;line-height:15px;color:var(--soft);text-align:right;
white-space:nowrap;padding:5px 0}
.eq .rows .nums b{color:var(--ink);font-weight:600}
.eq .rows .scale{position:relative;height:20px;font-size:.73rem;color:var(--soft)}
.eq .rows .scale span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.eq .rows .rule{grid-column:1/-1;border-top:1px solid var(--faint)}
.eq .whisk{stroke:var(--c);stroke-width:2;fill:none;opacity:.55}
.eq .dot{stroke:var(--c);stroke-width:9;stroke-linecap:round;fill:none}
.eq .dot.mid{stroke-width:7}.eq .dot.far{stroke-width:5}
.eq .run0{--c:var(--ink)}.eq .run1{--c:var(--t3)}.eq .run2{--c:var(--t1)}.eq .run3{--c:var(--t2)}
.eq .run4{--c:var(--t4)}.eq .run5{--c:var(--other)}
.eq .bar{fill:var(--c)}
.eq .plus{fill:var(--accent)}.eq .minus{fill:var(--denied)}
.eq .axis{stroke:var(--soft);stroke-width:1}
.eq details{margin:10px 0 0;font-size:.85rem}
.eq summary{cursor:pointer;color:var(--soft);width:fit-content}
.eq summary:hover{color:var(--ink)}
.eq .scroll{overflow-x:auto;margin:10px 0 0;max-width:100%}
.eq table{border-collapse:collapse;font-size:.84rem;line-height:1.35;margin:0;color:var(--ink);background:none}
.eq th,.eq td{padding:5px 9px 5px 0;text-align:right;white-space:nowrap;border:0;border-bottom:1px solid var(--faint);
background:none}
.eq th{font-weight:500;color:var(--soft);vertical-align:bottom;border-bottom:1px solid var(--line);white-space:pre}
.eq th:first-child,.eq td:first-child{text-align:left}
.eq th:first-child,.eq td:first-child{position:sticky;left:0;background:var(--paper)}
.eq tr.top td{font-weight:600;border-top:1px solid var(--line)}
.eq td.deep{padding-left:14px!important;color:var(--soft)}
.eq td.bad{color:var(--denied)}
.eq td.good{color:var(--accent)}
.eq .tick{stroke:var(--ink);stroke-width:2;fill:none}
.eq .files{margin:4px 0 0;font-size:.78rem}
.eq a.file{font-size:.82rem}
.eq .apart{margin-top:30px}
.eq ul.filelist{padding-left:1.1em;font-size:.86rem}
.eq .alert.found{border:2px solid var(--denied);border-radius:8px;padding:10px 16px;color:var(--denied)}
.eq .alert.found p,.eq .alert.found li{max-width:none;overflow-wrap:anywhere}
.eq pre{font:.8rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:14px 16px;overflow-x:auto;margin:12px 0;color:var(--ink)}
.eq pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
.eq code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
.eq dl.method{display:grid;grid-template-columns:minmax(130px,190px) minmax(0,1fr);gap:10px 26px;font-size:.93rem;margin:16px 0}
.eq dl.method dt{color:var(--soft)}
.eq dl.method dd{margin:0;max-width:44em;overflow-wrap:anywhere}
.eq dl.method dd p{margin:0 0 .4em}
.eq footer{padding-top:64px;padding-bottom:56px;color:var(--soft);font-size:.83rem}
.eq .pools{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:22px 34px}
@media (max-width:640px){
.eq main,.eq header.top,.eq footer{padding-left:18px;padding-right:18px}
.eq h1{font-size:1.5rem;margin-top:30px}
.eq h1 b{white-space:normal}
.eq section{margin-top:46px}
.eq .plot.floors{grid-template-columns:38px minmax(0,1fr) 104px}
.eq .plot{grid-template-columns:38px minmax(0,1fr)}
.eq .beside span{font-size:.72rem;left:19px}
.eq .beside span i{display:none}
.eq .readout{margin-left:0}
.eq .rows{grid-template-columns:minmax(0,1fr) auto;gap:0 10px;grid-auto-flow:dense}
.eq .rows .strips{grid-column:1/-1;grid-row:auto;padding:0 0 7px}
.eq .rows .who{padding-bottom:0}
.eq .rows .nums{padding-bottom:0}
.eq .rows .nums.many{grid-column:1/-1;text-align:left;padding-top:0}
.eq .rows .who.many{grid-column:1/-1}
.eq .rows .scale.blank{display:none}
.eq .rows .scale{grid-column:1/-1}
.eq .rows .scale.long span:nth-child(even){display:none}
.eq .rows .scale span.lo{transform:none}
.eq .rows .scale span.hi{transform:translateX(-100%)}
.eq dl.method{grid-template-columns:1fr;gap:2px}
.eq dl.method dd{margin-bottom:10px}
.eq .tiles{grid-template-columns:1fr 1fr}
.eq .tile{padding:12px}
.eq .tile dd{display:block}
.eq .tile dd b{display:block;font-size:1.15rem}
.eq .cards{grid-template-columns:1fr}
}
@media print{
.eq{font-size:10.5pt}
.eq.page{background:#fff;--paper:#fff}
.eq main,.eq header.top,.eq footer{max-width:none;padding:0}
.eq button,.eq nav,.eq .readout{display:none}
.eq section{break-inside:auto;margin-top:26pt}
.eq h1{font-size:20pt;margin-top:14pt}
.eq h2,.eq h3,.eq .lead,.eq figcaption,.eq .keys,.eq .scale{break-after:avoid}
.eq p,.eq figure,.eq .card,.eq .tile,.eq tr,.eq .rows>*{break-inside:avoid}
.eq .cards{grid-template-columns:repeat(3,1fr);gap:14pt 16pt}
.eq *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.eq pre{white-space:pre-wrap}
.eq .scroll{overflow:visible}
.eq table{font-size:7.5pt}
.eq th{white-space:pre-line}
.eq th,.eq td{padding:2pt 6pt 2pt 0}
.eq .tile dd{display:block}
.eq .tile dd b{margin-right:.5em}
.eq details:not([open]){display:none}
}
"""

PAPER = """
@page{size:A4;margin:16mm 14mm 18mm}
@media print{
.eq.paper{min-height:0}
.eq main>section{break-inside:auto}
.eq main>section.first{break-after:avoid}
.eq figure,.eq .card,.eq .plot,.eq svg,.eq pre,.eq .rows .strips,.eq li,.eq dl.tiles{break-inside:avoid}
.eq thead{display:table-header-group}
.eq .files,.eq .rows .scale{break-before:avoid}
.eq table{width:100%}
.eq td,.eq th{white-space:normal}
.eq td.text{min-width:0}
.eq .cards{grid-template-columns:repeat(2,1fr)}
.eq .tile dd.alone b{font-size:14pt}
}
"""

_SCRIPT = """
(function(){
var root=document.documentElement,button=document.getElementById('theme');
function dark(){var t=root.dataset.theme;return t?t==='dark':matchMedia('(prefers-color-scheme:dark)').matches}
function label(){button.textContent=dark()?'Light':'Dark'}
try{var kept=localStorage.getItem('equipoise-theme');if(kept==='dark'||kept==='light')root.dataset.theme=kept}catch(e){}
if(button){button.hidden=false;label();button.addEventListener('click',function(){
root.dataset.theme=dark()?'light':'dark';label();
try{localStorage.setItem('equipoise-theme',root.dataset.theme)}catch(e){}})}
document.querySelectorAll('figure[data-series]').forEach(function(figure){
var data=JSON.parse(figure.dataset.series),canvas=figure.querySelector('.canvas'),out=figure.querySelector('.readout');
var hair=document.createElement('div');hair.className='mark-x';hair.style.display='none';canvas.appendChild(hair);
canvas.addEventListener('pointermove',function(event){
var box=canvas.getBoundingClientRect(),part=(event.clientX-box.left)/box.width*1000,i=0;
while(i<data.at.length-1&&data.at[i+1]<=part)i++;
hair.style.display='';hair.style.left=part/10+'%';
out.textContent=data.when[i]+':  '+data.names.map(function(name,n){
return name+' '+data.held[n][i].toLocaleString('en')}).join(' · ')});
canvas.addEventListener('pointerleave',function(){hair.style.display='none';out.textContent=''})})
})();
"""
