"""Writing a dataset to disk in formats that public readers know."""

from course_utils.data.writers.clevr import write_clevr
from course_utils.data.writers.coco import write_coco
from course_utils.data.writers.rle import decode_rle, encode_rle
from course_utils.data.writers.voc import write_voc

__all__ = ["decode_rle", "encode_rle", "write_clevr", "write_coco", "write_voc"]
