"""People in files: what wrote a file, how it is to be read, and how people are written down so that they come back.

`people_file.open_people` opens a file of either form, separated values or JSON lines, and finds out what its columns
mean. What it gives are rows; `audience.import_people` makes subscribers of them. `rejects` keeps the rows that nobody
could make sense of, in the form of the file that they came from.
"""
