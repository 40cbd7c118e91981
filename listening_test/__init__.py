"""From a listening test to ratings, and from ratings to the listeners that count.

`ratings` holds the tidy rows and reads and writes them; `screening` is the post-screening of ITU-R BS.1534-3. Loads
neither torch nor Streamlit.
"""
