"""The pages that listeners see, in Streamlit."""
