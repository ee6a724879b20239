"""Writes golden.json: templates written for this test and what transformers renders them to."""
import json, pathlib
from transformers.utils import chat_template_utils as c

T = {
"chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}{% endfor %}\n{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
"turns": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}
    {%- set rest = messages -%}
{%- endif -%}
{%- for message in rest -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("roles must alternate: " ~ message.role) }}
    {%- endif -%}
    {{ '<turn>' + ('model' if message.role == 'assistant' else message.role) + "\n" + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<turn>model\n' }}
{%- endif -%}
""",
"tools": """{%- if tools %}
    {{- '<tools>' }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n" }}
    {{- tools | tojson(indent=2) }}
{%- endif %}
{%- set ns = namespace(last=-1, found=false) %}
{%- for m in messages[::-1] %}
    {%- set i = (messages|length - 1) - loop.index0 %}
    {%- if not ns.found and m.role == "user" and not(m.content is string and m.content.startswith('<r>') and m.content.endswith('</r>')) %}
        {%- set ns.found = true %}
        {%- set ns.last = i %}
    {%- endif %}
{%- endfor %}
{{- "last " ~ ns.last }}
{%- for m in messages %}
    {%- if m.tool_calls is defined and m.tool_calls %}
        {%- for call in m.tool_calls %}
            {%- if call.function is defined %}{% set call = call.function %}{% endif %}
            {{- '\n<call>\n{"name": "' }}
            {{- call.name }}
            {{- '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\n</call>' }}
            {%- for k, v in call.arguments.items() %}
                {{- k ~ "=" }}{{ v if v is string else v|tojson }};
            {%- endfor %}
        {%- endfor %}
    {%- else %}
        {{- '\n[' ~ m.role ~ '] ' ~ (m.content or 'nothing') }}
    {%- endif %}
{%- endfor %}
{%- if messages[-1].role == "tool" %}{{ '\n(tool last)' }}{% endif %}
""",
"macro": """{%- macro show(m, tag='x') -%}
<{{ tag }} role={{ m.role|upper }}>{{ m.content|replace('a', 'A') }}</{{ tag }}>
{%- endmacro -%}
{% for m in messages if m.role != 'system' %}
{{ show(m) }}{{ show(m, tag='y') if loop.last }}
{% else %}
none
{% endfor %}
{%- set names = messages | map(attribute='role') | list -%}
{{ names | join(', ') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ names | unique | list | length }}
""",
"think": """{%- for m in messages %}
{%- set content = m.content %}
{%- if m.role == 'assistant' and '</think>' in content %}
{%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
{%- set content = content.split('</think>')[-1].lstrip('\n') %}
{{- '(' ~ reasoning ~ ')' }}
{%- endif %}
{{- m.role[:1] ~ ': ' ~ content ~ eos_token }}
{%- if loop.index0 >= 3 %}{% break %}{% endif %}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>' }}{% endif %}""",
"generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.role }}: {{ m.content }}\n{% endif %}{% endfor %}",
"expressions": "{{ 7 // 2 }} {{ 7 % 3 }} {{ 1 + 2 - 4 }} {{ 3 > 2 and not 1 == 2 }} {{ 'b' in 'abc' }} {{ 'k' in {'k': 1} }} {{ [1, 2, 3][1:] }} {{ 'abc'[::-1] }} {{ missing | default('d') }} {{ missing is defined }} {{ '  x '.strip() }} {{ 'a-b'.split('-') | last }} {{ 1.5 }} {{ true }} {{ 'x' ~ 1 }} {# comment #}{{ \"é\\n\" }}{{ range(3) | list }} {{ {'b': 1, 'a': [none, true, 1.0, 1e20, 'é<\"']} | tojson }} {{ ['c', 'a'] | sort | join }} {{ 'title case' | title }} {{ 'x' if messages else 'y' }} {{ (1 if false else 2 if false else 3) }} {{ messages[-1]['role'] }} {{ [4, 5][-2] }}",
"spaces": "a {% if messages %} b {% endif %} c\n  {# one #}\n  {# two -#}  \n x {{ 1 }} {% if false %}y{% endif %}\n\n  {%+ if messages %}\nz\n  {%- endif +%}\nq {#- three #} r\n{% if messages %}{# c #}\n\nfoo{% endif %}\n",
"order": "{% for m in messages %}{% for call in m.tool_calls or [] %}{% for k in call.function.arguments %}{{ k }},{% endfor %}{{ call.function.get('arguments') | tojson }} {{ call.get('no', 7) }}{% endfor %}{{ m.content is defined }} {{ m.x is defined }} {{ m.content is none }} {{ 'c' if m.content else 'n' }}{{ 1 + 2 + loop.index0 }}{{ ('a' + 'b' if m.x is not defined else 'c') + m.role|upper ~ 1 ~ m.x }} {{ m.role == 'us' + 'er' and not 'x' + 'y' in 'zxy' }}\\n{% endfor %}{{- tools is defined }} {{ tools is none }}{{ missing }}",
"date": "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d %H:%M') }}",
}
CONV = {
"one": dict(messages=[dict(role="user", content="Hello <b> \"x\" 'y'! ")]),
"system": dict(messages=[dict(role="system", content="Be  brief.\n"), dict(role="user", content=" Hi\n"), dict(role="assistant", content="<think>\nhm\n</think>\n\nYes é"), dict(role="user", content="Go on")]),
"wrong": dict(messages=[dict(role="assistant", content="x"), dict(role="assistant", content="y")]),
"tools": dict(messages=[dict(role="user", content="weather?"), dict(role="assistant", content="", tool_calls=[dict(type="function", id="a1", function=dict(name="get", arguments=dict(city="Paris", n=1, f=1.5, ok=True, none=None)))]), dict(role="tool", name="get", content="<r>22 °C</r>")],
    tools=[dict(type="function", function=dict(name="get", description="It's \"the\" <weather> é", parameters=dict(type="object", properties=dict(city=dict(type="string"), a=dict(type="integer", enum=[1, 2])), required=[])))], enable_thinking=False),
"null": dict(messages=[dict(role="user", content="w"), dict(role="assistant", content=None, tool_calls=[dict(type="function", function=dict(name="get", arguments=dict(z=1, a=dict(y=None, b=2))))])], tools=None),
"parts": dict(messages=[dict(role="user", content=[dict(type="image"), dict(type="text", text=" two ")])]),
}
import datetime
class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 6, 5, 4, 3)
c.datetime = Fixed
out = []
for tn, t in T.items():
    for cn, v in CONV.items():
        if (cn == "parts") != (tn == "turns") and cn == "parts" or (cn == "null") != (tn == "order") or tn in ("expressions", "date", "spaces") and cn != "one":
            continue
        for gen in (False, True):
            vars = dict(v, add_generation_prompt=gen, bos_token="<s>", eos_token="</s>")
            try:
                want, error = c._compile_jinja_template(t).render(**vars), ""
            except Exception as e:
                want, error = "", str(e)
            out.append(dict(template=tn, conversation=cn, generate=gen, want=want, error=error))
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(dict(templates=T, conversations=CONV, cases=out), ensure_ascii=False, indent=1))
