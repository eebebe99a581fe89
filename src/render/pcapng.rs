//! The captured frames as a pcapng file, for Wireshark and tshark, with the calls as comments.
//!
//! Before each packet stand the calls that were made since the one before it, the last of them the one that sent it;
//! what follows the last packet stands behind it. Here alone are pure acknowledgements, sequence numbers,
//! windows and options: facts of the machine. Times count from the start of the run, not from 1970.

use std::borrow::Cow;
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, Endianness, PcapResult};

use crate::event::{Frame, Recording};
use crate::timeline::{Row, Timeline};

/// The file's bytes; only its two headers if no frame was captured.
pub fn pcapng(recording: &Recording, timeline: &Timeline) -> Vec<u8> {
    // Writing to memory does not fail.
    write(recording, timeline).unwrap_or_default()
}

fn write(recording: &Recording, timeline: &Timeline) -> PcapResult<Vec<u8>> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), Endianness::Little)?;
    let options = vec![
        InterfaceDescriptionOption::IfName(Cow::Borrowed("lo")),
        // Times are in units of 10^-9 s.
        InterfaceDescriptionOption::IfTsResol(9),
    ];
    let interface = InterfaceDescriptionBlock {
        options,
        ..InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0)
    };
    writer.write_pcapng_block(interface)?;
    let senders = senders(recording, timeline);
    let mut told = 0;
    for (n, frame) in recording.frames.iter().enumerate() {
        let sender = frame.packet.and_then(|packet| senders.get(packet).copied().flatten());
        let until = match sender {
            _ if n + 1 == recording.frames.len() => timeline.rows.len(),
            Some(row) => row + 1,
            None => told,
        };
        let rows = timeline.rows.get(told..until).unwrap_or_default();
        told = told.max(until);
        writer.write_pcapng_block(block(frame, rows))?;
    }
    Ok(writer.into_inner())
}

/// Of each packet the row that it came of.
fn senders(recording: &Recording, timeline: &Timeline) -> Vec<Option<usize>> {
    let mut senders = vec![None; recording.packets.len()];
    for (n, row) in timeline.rows.iter().enumerate() {
        for packet in row.arrows.iter().flat_map(|arrow| &arrow.packets) {
            if let Some(sender) = senders.get_mut(*packet) {
                *sender = Some(n);
            }
        }
    }
    senders
}

fn block<'a>(frame: &'a Frame, rows: &[Row]) -> EnhancedPacketBlock<'a> {
    EnhancedPacketBlock {
        interface_id: 0,
        timestamp: Duration::from_nanos(frame.at),
        original_len: u32::try_from(frame.bytes.len).unwrap_or(u32::MAX),
        data: Cow::Borrowed(&frame.bytes.data),
        options: rows
            .iter()
            .map(|row| EnhancedPacketOption::Comment(Cow::Owned(comment(row))))
            .collect(),
    }
}

/// A row as a comment, which is a line of UTF-8 of at most 65,535 bytes.
fn comment(row: &Row) -> String {
    const MOST: usize = 4096;
    let mut text = format!("{} {}: {}", row.step, row.role, row.notation());
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{sample, timeline};
    use pcap_file::pcapng::{Block, PcapNgReader};

    /// The frames of a file with their comments.
    fn read(file: &[u8]) -> Vec<(Vec<u8>, Vec<String>)> {
        let mut reader = PcapNgReader::new(file).unwrap();
        let mut frames = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.unwrap() {
                let comments = packet.options.iter().filter_map(|option| match option {
                    EnhancedPacketOption::Comment(text) => Some(text.to_string()),
                    _ => None,
                });
                frames.push((packet.data.to_vec(), comments.collect()));
            }
        }
        frames
    }

    #[test]
    fn every_frame_and_every_call_is_in_the_file_in_order() {
        let recording = sample::half_close();
        let timeline = timeline(&recording);
        let frames = read(&pcapng(&recording, &timeline));
        let data: Vec<&[u8]> = frames.iter().map(|(data, _)| data.as_slice()).collect();
        let captured: Vec<&[u8]> =
            recording.frames.iter().map(|frame| frame.bytes.data.as_slice()).collect();
        assert_eq!(data, captured);
        let told: Vec<&String> = frames.iter().flat_map(|(_, comments)| comments).collect();
        let rows: Vec<String> = timeline.rows.iter().map(comment).collect();
        assert_eq!(told, rows.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_last_call_before_a_packet_is_the_one_that_sent_it() {
        let recording = sample::half_close();
        let frames = read(&pcapng(&recording, &timeline(&recording)));
        let is_syn = |frame: &&(Vec<u8>, Vec<String>)| frame.0[47] == 0x02;
        let syn = frames.iter().find(is_syn).unwrap();
        assert_eq!(syn.1.last().unwrap(), "7 client: connect(sock, 127.0.0.1:9999) = 0");
    }

    #[test]
    fn a_recording_without_packets_is_a_file_without_frames() {
        let recording = sample::one_shot();
        assert!(read(&pcapng(&recording, &timeline(&recording))).is_empty());
    }

    #[test]
    fn a_frame_that_points_nowhere_is_written_all_the_same() {
        let mut recording = sample::half_close();
        for frame in &mut recording.frames {
            frame.packet = Some(usize::MAX);
            frame.bytes.data.truncate(3);
        }
        let frames = read(&pcapng(&recording, &timeline(&recording)));
        assert_eq!(frames.len(), recording.frames.len());
    }
}
