"""Whether what was told of an incident was so, judged by a probe from outside and by nothing else.

`judging.judge(samples, happenings, messages)` is the way in. It shares no code with the checks by
which the incident engine decides what to say: nobody would find what both get wrong alike.
"""
