fcm_unit_test(test_io USES fcm_io)
