fcm_unit_test(test_base USES fcm_base)
fcm_unit_test(test_diag USES fcm_base)
