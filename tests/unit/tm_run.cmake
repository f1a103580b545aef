fcm_unit_test(test_tm_run USES fcm_tm fcm_base)
