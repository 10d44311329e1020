from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time

import pytest

from tests.common.deploy.service.load import SentStudy, run_load, storescu
from tests.common.deploy.service.running_service import RunningService
from tests.common.deploy.service.sent_studies import (
    associate,
    break_off,
    has_ipv6,
    receiving_archive,
    send,
    study_of,
    wait_for,
    write_image,
)

pytest.importorskip("pynetdicom")
text_string_to_metric_families = pytest.importorskip("prometheus_client.parser").text_string_to_metric_families


def test_four_senders_and_a_service_that_is_killed_give_each_result_once(tmp_path):
    studies = []
    for number in range(24):
        images = study_of(3)
        for image in images[number < 2 :]:  # the first two lack an image
            write_image(
                tmp_path / f"{number}/{image.SOPInstanceUID}", image.StudyInstanceUID, image.SOPInstanceUID, 1, 3
            )
        studies.append(SentStudy(images[0].StudyInstanceUID, tmp_path / str(number), broken=number in (2, 3)))
    with (
        receiving_archive() as (port, came),
        RunningService(tmp_path / "service", destinations=[f"dicom://PACS@127.0.0.1:{port}"]) as service,
    ):
        found = run_load(service, studies, came, results=20, kills=2)
        assert found["results"] == 20 and found["lost"] == found["studies with more than one result"] == 0
        assert found["failed"] == 4 and len(found["reasons of the last 20 failures"]) == 2
        assert sorted(set(service.predictions)) == sorted(study.uid for study in studies[4:])


def test_a_study_is_predicted_from_all_its_images_once_and_bad_ones_are_reported_without_names(tmp_path):
    good, short, broken = study_of(3), study_of(3)[:2], study_of(3)
    with RunningService(tmp_path) as service:
        assert send(good[:1], service.port) and send(good[1:], service.port)
        assert send(short, service.port)
        break_off(broken[:2], service.port)
        wait_for(lambda: service.states == {"done": 1, "failed": 2})
        assert send(good, service.port)  # again: nothing new
        time.sleep(1)
        assert service.predictions == [good[0].StudyInstanceUID] and service.states == {"done": 1, "failed": 2}
        failed = {each["study"]: each["reason"] for each in json.loads(service.get("/health"))["failed"]}
        assert "[patient]: found 2 images, expected 3" in failed[short[0].StudyInstanceUID]
        assert "broke off" in failed[broken[0].StudyInstanceUID]
        assert send(broken, service.port)
        wait_for(lambda: service.states == {"done": 2, "failed": 1})
        assert not {"Roe", "Jane", "MRN4711"} & set(service.log.replace("^", " ").split())
        metrics = service.get("/metrics")
        assert len(list(text_string_to_metric_families(metrics))) > 10  # what Prometheus reads
        assert 'clinical_ssl_studies{state="done"} 2.0' in metrics
        assert "clinical_ssl_instances_received_total" in metrics and "clinical_ssl_process_resident_memory" in metrics
        assert service.get("/").startswith("404")


def test_a_study_that_one_of_two_associations_of_a_sender_breaks_off_fails_until_its_images_come_again(tmp_path):
    images = study_of(3)
    with RunningService(tmp_path) as service:
        first, second = associate(service.port), associate(service.port)
        assert first.send_c_store(images[0]).Status == 0 and second.send_c_store(images[1]).Status == 0
        second.release()
        time.sleep(1)  # more than the settle time
        assert service.states == {"receiving": 1}  # as the first one is open
        first.abort()
        wait_for(lambda: service.states == {"failed": 1})
        assert send(images[2:], service.port)
        wait_for(lambda: service.log.count("broke off") == 2)  # the first image has not come again
        assert service.states == {"failed": 1}
        assert send(images, service.port)
        wait_for(lambda: service.states == {"done": 1})
        assert service.predictions == [images[0].StudyInstanceUID]


def test_a_destination_that_does_not_answer_holds_up_no_other(tmp_path):
    studies = [study_of(1) for _ in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as silent, receiving_archive() as (port, came):
        places = [
            f"dicom://{title}@127.0.0.1:{number}" for title, number in (("A", silent.getsockname()[1]), ("B", port))
        ]
        with RunningService(tmp_path, destinations=places) as service:
            for images in studies:
                assert send(images, service.port)
            wait_for(lambda: len(came) == 3)
            assert service.states == {"delivering": 3}
            assert json.loads(service.get("/health"))["destinations"] == {places[0]: "not tried yet", places[1]: "ok"}
            service.kill()  # it would wait for the answer


def test_while_a_destination_is_away_one_delivery_at_a_time_is_tried(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"dicom://PACS@127.0.0.1:{taken.getsockname()[1]}"  # nobody listens there, nor can meanwhile
        with RunningService(tmp_path, destinations=[place], backoff=3600) as service:
            for _ in range(3):
                assert send(study_of(1), service.port)
            wait_for(lambda: service.states == {"delivering": 3})
            wait_for(lambda: "was not reached" in json.loads(service.get("/health"))["destinations"][place])
            time.sleep(1)
            assert service.log.count("was not reached") == 1


def test_addresses_of_both_kinds_are_listened_at_and_sent_to(tmp_path):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with receiving_archive(host="::1") as (port, came):
        peers = {"SCANNER": ["127.0.0.1", "::1"], "OTHER": ["::2"]}
        with RunningService(tmp_path, host="::", peers=peers, destinations=[f"dicom://PACS@[::1]:{port}"]) as service:
            assert send(study_of(1), service.port) and send(study_of(1), service.port, host="::1")
            assert not send(study_of(1), service.port, host="::1", title="OTHER")
            wait_for(lambda: len(came) == 2)


def test_results_are_removed_after_their_time_if_they_were_delivered(tmp_path):
    results = tmp_path / "results"
    with receiving_archive() as (port, came), RunningService(tmp_path, keep_results=0, destinations=[]) as service:
        assert send(study_of(1), service.port)
        wait_for(lambda: service.states == {"done": 1})
        service.kill()
        (kept,) = results.iterdir()
        settings = tmp_path / "service.yaml"
        settings.write_text(
            settings.read_text().replace("destinations: []", f"destinations: ['dicom://P@127.0.0.1:{port}']")
        )
        service.start()
        images = study_of(1)
        assert send(images, service.port)
        wait_for(lambda: service.states == {"done": 2})
        old = tmp_path / "results/model_1/studies" / images[0].StudyInstanceUID  # of an older release
        write_image(old / "report.dcm", "1.2", "1.2.1", 1)
        service.kill()
        service.start()  # the housekeeping is its first act
        wait_for(lambda: not old.exists() and len(list(results.glob("*/report.dcm"))) == 1)
        assert (kept / "report.dcm").is_file() and len(came) == 1


def test_only_listed_senders_that_call_the_right_title_are_accepted(tmp_path):
    peers = {"SCANNER": ["127.0.0.1"], "ELSEWHERE": ["10.0.0.0/8"]}
    with RunningService(tmp_path, peers=peers) as service:
        for titles in ({"title": "STRANGER"}, {"title": "ELSEWHERE"}, {"called": "OTHER"}):
            assert not send(study_of(1), service.port, **titles)
        assert send(study_of(1), service.port)
        assert "clinical_ssl_associations_rejected_total 2.0" in service.get("/metrics")
        assert service.log.count("not among the peers") == 2


def test_reports_own_results_and_objects_without_uids_are_not_queued(tmp_path):
    (own,) = study_of(1, Manufacturer="clinical-ssl-bundles")
    (odd,) = study_of(1)
    odd.StudyInstanceUID = "../../etc"
    with RunningService(tmp_path) as service:
        assert send([own], service.port)
        assert not send([odd], service.port)
        assert service.states == {} and not list((tmp_path / "incoming").iterdir())


def test_a_second_instance_on_one_queue_is_refused(tmp_path):
    with RunningService(tmp_path) as service:
        second = RunningService(tmp_path)
        with pytest.raises(AssertionError, match="another run writes there"):
            second.start()
        assert service.running


def test_results_wait_for_an_archive_that_is_away_and_are_given_up_after_the_last_attempt(tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the archive does: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with RunningService(tmp_path, destinations=[f"dicom://PACS@127.0.0.1:{port}"], attempts=99) as service:
            assert send(study_of(1), service.port)
            wait_for(lambda: "again in 0 s" in service.log)
            refusals = iter([0xA700])
            with receiving_archive(lambda _: next(refusals, 0), port) as (_, came):
                wait_for(lambda: service.states == {"done": 1})
            assert len(came) == 1 and "status 0xA700" in service.log
            settings = tmp_path / "service.yaml"
            settings.write_text(settings.read_text().replace("attempts: 99", "attempts: 3"))
            service.kill()
            service.start()
            assert send(study_of(1), service.port)
            wait_for(lambda: service.states == {"done": 1, "undelivered": 1})
            assert "was not reached); given up" in service.log


def test_files_of_a_watched_folder_are_taken_when_they_have_settled_and_others_stay(tmp_path):
    inbox = tmp_path / "inbox"
    images = study_of(3)
    for number, each in enumerate(images):
        path = inbox / f"Roe Jane/{number}.dcm"
        write_image(path, each.StudyInstanceUID, each.SOPInstanceUID, number + 1, 3)
    (inbox / "notes Roe.txt").write_text("no DICOM")
    with RunningService(tmp_path / "service", watch=str(inbox), peers={}) as service:
        wait_for(lambda: service.states == {"done": 1})
        assert sorted(path.name for path in inbox.rglob("*") if path.is_file()) == ["notes Roe.txt"]
        assert service.log.count("it stays there") == 1 and "Roe" not in service.log
        assert "clinical_ssl_files_left 1.0" in service.get("/metrics")


def test_a_full_disk_refuses_images_and_is_seen_in_the_health(tmp_path):
    with RunningService(tmp_path, min_free=1e9) as service:
        assert not send(study_of(1), service.port)
        assert service.get("/health").startswith("503") and "GiB free" in service.get("/health")


def test_images_that_were_never_confirmed_are_removed_at_the_next_start(tmp_path):
    left = write_image(tmp_path / "incoming/1.2.3/1.2.3.1.dcm", "1.2.3", "1.2.3.1", 1)
    with RunningService(tmp_path):
        assert not left.parent.exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_studies(tmp_path):
    with RunningService(tmp_path) as service:
        used = []
        for count in (30, 60):
            for _ in range(30):
                assert send(study_of(2), service.port)
            wait_for(lambda: service.states == {"done": count})  # noqa: B023
            used.append(service.memory)
        assert used[1] - used[0] < 8 << 10  # KiB


def test_tls_takes_only_senders_with_a_certificate_of_the_authority(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificates, is not here")
    import ssl

    def make(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], cwd=tmp_path, check=True, capture_output=True)

    subject = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    make("req", "-x509", *subject, "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", 2)
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
    make("req", "-x509", *subject, "/CN=localhost", "-keyout", "own.key", "-out", "own.pem", "-days", 2, *signed)
    names = {"tls_certificate": "own.pem", "tls_key": "own.key", "tls_authority": "ca.pem"}
    with RunningService(tmp_path / "s", **{key: str(tmp_path / name) for key, name in names.items()}) as service:
        silent = socket.create_connection(("127.0.0.1", service.port))  # holds up no one
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        assert not send(study_of(1), service.port) and not send(study_of(1), service.port, tls=(context, "127.0.0.1"))
        context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
        assert send(study_of(1), service.port, tls=(context, "127.0.0.1"))
        silent.close()
        wait_for(lambda: service.states == {"done": 1})


def test_dcmtk_sends_to_the_service(tmp_path):
    if (program := storescu()) is None:
        pytest.skip("storescu (Debian: dcmtk) is not here")
    for number, each in enumerate(study_of(2)):
        write_image(tmp_path / f"in/{number}.dcm", each.StudyInstanceUID, each.SOPInstanceUID, number + 1, 2)
    with RunningService(tmp_path / "service") as service:
        command = [program, "-aet", "SCANNER", "-aec", "CLINSSL", "+sd", "127.0.0.1", str(service.port), "in"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
        subprocess.run(["echoscu", *command[1:5], *command[6:8]], cwd=tmp_path, check=True, timeout=60)
        wait_for(lambda: service.states == {"done": 1})
