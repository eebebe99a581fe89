//! What a picture must hold, whatever was recorded.
