"""The default VPC, with boto3's EC2 client."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ec2(world):
    return world.client("ec2")


def code_of(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def filters(**wanted):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]


def test_the_default_subnet_is_found_as_on_aws(world, ec2):
    vpc = ec2.describe_vpcs(Filters=filters(is_default="true"))["Vpcs"][0]
    subnets = ec2.describe_subnets(Filters=filters(vpc_id=vpc["VpcId"], default_for_az="true"))["Subnets"]
    assert [subnet["SubnetId"] for subnet in subnets] == [world.facts["defaultSubnetId"]]
    subnet = subnets[0]
    assert subnet["VpcId"] == vpc["VpcId"] and subnet["State"] == "available" and subnet["DefaultForAz"] is True
    assert subnet["AvailabilityZone"] == "us-east-1a" and subnet["AvailabilityZoneId"] == "use1-az1"
    assert subnet["SubnetArn"] == f"arn:aws:ec2:us-east-1:123456789012:subnet/{subnet['SubnetId']}"
    group = ec2.describe_security_groups(Filters=filters(vpc_id=vpc["VpcId"], group_name="default"))["SecurityGroups"][0]
    assert group["GroupId"].startswith("sg-")
    assert group["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]


def test_zones_regions_and_the_account(ec2):
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]
    assert (zone["ZoneName"], zone["ZoneId"], zone["State"]) == ("us-east-1a", "use1-az1", "available")
    assert [region["RegionName"] for region in ec2.describe_regions()["Regions"]] == ["us-east-1"]
    answer = ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    assert answer[0]["AttributeValues"][0]["AttributeValue"].startswith("vpc-")


def test_a_running_task_takes_an_address(world, ec2):
    def free():
        return ec2.describe_subnets()["Subnets"][0]["AvailableIpAddressCount"]

    before = free()
    task = world.run_task(world.register("ec2-address", {}))
    assert free() == before - 1
    world.client("ecs").stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")
    assert free() == before


def test_filters_have_wildcards_and_known_names(ec2):
    assert len(ec2.describe_subnets(Filters=filters(availability_zone="us-*"))["Subnets"]) == 1
    assert ec2.describe_subnets(Filters=filters(availability_zone="eu-*"))["Subnets"] == []
    assert ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["*"]}])["Vpcs"] == []
    assert code_of(ec2.describe_subnets, Filters=filters(colour="blue")) == (
        "InvalidParameterValue", "The filter 'colour' is invalid")


def test_what_is_not_there_is_an_error(world, ec2):
    subnet = world.facts["defaultSubnetId"]
    missing = "subnet-00000000000000000"
    assert code_of(ec2.describe_subnets, SubnetIds=[subnet, missing]) == (
        "InvalidSubnetID.NotFound", f"The subnet ID '{missing}' does not exist")
    assert code_of(ec2.describe_vpcs, VpcIds=["vpc-1"])[0] == "InvalidVpcID.NotFound"
    assert code_of(ec2.describe_security_groups, GroupIds=["sg-1"])[0] == "InvalidGroup.NotFound"
    assert code_of(ec2.describe_security_groups, GroupNames=["web"])[0] == "InvalidGroup.NotFound"
    assert code_of(ec2.describe_subnets, SubnetIds=["nonsense"])[0] == "InvalidSubnetID.Malformed"
    assert code_of(ec2.describe_subnets, MaxResults=2)[0] == "InvalidParameterValue"
    assert code_of(ec2.describe_subnets, NextToken="%%%")[0] == "InvalidNextToken"
    assert code_of(ec2.describe_vpcs, DryRun=True)[0] == "DryRunOperation"
    assert code_of(ec2.describe_instances)[0] == "UnsupportedOperation"


def test_pages(ec2):
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    assert len([subnet for page in pages for subnet in page["Subnets"]]) == 1
