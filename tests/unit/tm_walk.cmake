fcm_unit_test(test_tm_walk USES fcm_tm fcm_base)
