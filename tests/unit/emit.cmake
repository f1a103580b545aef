fcm_unit_test(test_emit USES fcm_backends fcm_tm fcm_base)
